"""Takes calls from an Opendatasoft workspace: the rows of its data set ods-api-monitoring, over HTTP or from files."""
