-- The requested portals; an empty list means all.
(empty({domains:Array(String)}) OR domain IN {domains:Array(String)})
