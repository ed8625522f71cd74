"""Customers: who they are. `profile` says who each is, field by field; `segments` groups them, by clusters of encoder states, by
RFM, or by rule.

Works on plain arrays, without a workspace.
"""
