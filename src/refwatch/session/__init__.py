"""The state of a session, folded from its events; its encoding, recording and playback."""
