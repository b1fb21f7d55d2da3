"""Value types that the other folders share. Imports no other folder."""
