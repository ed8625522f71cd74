"""Regard beside other people's libraries, on the same splits, each in a Python of its own: nothing of them is ever installed with Regard.

    python -m venv peers
    peers/bin/pip install -r benchmarks/versus/peers.txt
    python -m benchmarks.versus FILE... --peers-python peers/bin/python      how good they are, beside ours and the baselines
    python -m benchmarks.versus.speed FILE... --peers-python peers/bin/python      how long they take

A worker (`worker`) runs under the peers' Python; it imports NumPy, the peer and what is here without Regard: `recipes`, `problem`,
`ranks`, `transformers`, `shallow`. It reads what to learn and what it will be asked from files, and is told over a pipe when to train
and when to answer, so that its time and ours can be taken in turns.
"""
