"""The long-running process: accepts calls, follows logs and answers over HTTP."""
