"""The second door: what other systems tell about learning, by webhook or when asked, becomes statements.

The way of an event: views -> inbox.keep -> 202; worker -> inbox -> a provider's cut, read and decide -> compose ->
statements.ingest, in one transaction with "done".
"""
