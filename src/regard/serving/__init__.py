"""Serving: the HTTP API of one workspace. Events come in and are committed before they are acknowledged, answers go out.

Nothing is computed here: handlers check who asks, ask the workspace, and say what came of it.
"""
