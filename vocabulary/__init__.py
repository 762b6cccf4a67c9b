"""Words that all folders share and none copies: severities, alert states, areas, times, labels, parameters, errors."""
