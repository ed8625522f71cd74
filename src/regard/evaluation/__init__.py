"""How good an answer is: the same questions put to the model and to the simplest methods, in plain words.

`evaluate` is the table; slices, robustness, faithfulness and propensities have modules of their own.
"""
