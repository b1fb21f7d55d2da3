"""The catalogue of a portal: which data sets there are, and by which names requests call them."""
