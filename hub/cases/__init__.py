"""Cases: what residents told us, walked to its end.

`tables` holds them, `receive` takes reports in, `desk` has the verbs of those who work on
them, `counts` makes signals of them, `contacts` keeps personal data apart, `figures` says
how well it went.
"""
