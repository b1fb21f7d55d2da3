-- The name under which a call asks for a data set: that in the request, or the path of a download without one.
if(dataset_id = '' AND action = 'download', path, toString(dataset_id))
