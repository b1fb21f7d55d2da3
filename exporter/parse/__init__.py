"""From bytes to columns: one module per family of formats; pure."""
