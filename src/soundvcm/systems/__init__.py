"""Every named system: `catalog` is the table, `loading` loads by name, `tiny` and `mmaudio` put the parts together.

Nothing is imported here, so that the table can be read without torch.
"""
