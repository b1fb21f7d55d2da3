"""Derives columns from columns: place, device and program, visitor, account, data set. Knows no database."""
