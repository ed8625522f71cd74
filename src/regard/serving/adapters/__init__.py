"""Adapters: events in other people's shapes -> records as `Live.submit` takes them; pure functions, one file a shape.

What an adapter cannot read becomes a refusal with its reason, never an exception: the rest of the batch goes in.
"""
