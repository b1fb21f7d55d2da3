"""What an operator does from time to time: check, take back, retry, remove, back up."""
