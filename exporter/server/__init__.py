"""The long-running process: it takes calls and answers over HTTP."""
