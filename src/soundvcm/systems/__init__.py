"""Every named system: `catalog` is the table, `loading` loads by name, `mmaudio` puts that stack together.

Nothing is imported here, so that the table can be read without torch.
"""
