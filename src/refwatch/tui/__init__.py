"""The terminal viewer.

It folds events into one State, shows it, and sends commands; nothing else. ``panels/`` has a folder
for each panel and the registry, ``views/`` what several draw (pure, no Textual), ``widgets/`` what
shows lines.
"""
