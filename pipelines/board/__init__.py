"""The board: the state of every feature now and over the last hour, from the metrics of the processes."""
