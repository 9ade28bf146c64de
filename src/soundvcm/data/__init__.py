"""Where training examples come from: sound bank, drawn scenes, feature stores. The front door."""
