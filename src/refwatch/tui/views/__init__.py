"""Pure views and drawing that several panels share: no Textual, no theme."""
