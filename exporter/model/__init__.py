"""The values that the other folders hand on; knows no other folder."""
