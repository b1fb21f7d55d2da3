"""The Data sets page: which data sets people ask for."""
