"""Words that every folder shares and none may copy: severities, alert states, times, errors in two languages."""
