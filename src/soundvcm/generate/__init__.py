"""The flow for use, in one room: a clip and options in, sound or files out.

    options => clip_encoder => pipeline (=> long_form, batching) => render => files

`options` says what can be asked and the defaults of every door; `pipeline` makes a take in memory, `render`
makes and writes takes of any length. Nothing is imported here, so that options can be read without torch.
"""
