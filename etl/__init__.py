"""THE WRITER: sources in, snapshots and counts out.

source.fetch -> raw rows -> source.to_record -> rules -> publish (one transaction)
             -> daily counts -> month-end counts -> retention
"""
