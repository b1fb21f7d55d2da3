"""From columns to more columns: place, user agent, visitor, account, data set; knows no database."""
