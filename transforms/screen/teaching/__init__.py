"""How the judge's verdicts teach a screen, and when what was learned decides."""
