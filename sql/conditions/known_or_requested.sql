-- The data set of a requested name: a name that the catalogue does not know stands for itself.
if(known_id = '', requested, known_id)
