"""Takes calls over HTTP."""
