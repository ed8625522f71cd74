"""Customers: who they are. `segments` groups them, by clusters of encoder states, by RFM, or by rule.

Works on plain arrays, without a workspace.
"""
