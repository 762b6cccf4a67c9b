"""The office: operations, service level, parameters, pauses."""
