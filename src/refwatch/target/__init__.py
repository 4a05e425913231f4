"""Access to a process under watch: its memory, its code objects, its copies, its probe."""
