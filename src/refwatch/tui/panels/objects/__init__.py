"""Objects panel, and the screens of one class and of the whole heap."""
