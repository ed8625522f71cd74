"""The model: one self-attention encoder over behaviour sequences, the logits and propensities read off it, and its folder on disk.

`runtime` answers with NumPy alone; `network`, `attention`, `loss` and `counts` need PyTorch and are used by training.
"""
