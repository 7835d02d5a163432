"""THE FRONT DOOR: the commands, one file a group. With the tests the only one that knows both
the writer and the reader."""
