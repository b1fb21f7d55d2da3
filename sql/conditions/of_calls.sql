-- All calls.
true
