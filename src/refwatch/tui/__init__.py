"""The viewer in the terminal. It reads one State, fed by events, and sends commands; nothing else.

``views/`` makes immutable pictures of the state (pure, no Textual), ``widgets/`` draw lines, and
one module per panel puts the two together.
"""
