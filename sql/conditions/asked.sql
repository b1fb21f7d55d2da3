-- the portals that are asked for; an empty list is all of them
(empty({domains:Array(String)}) OR domain IN {domains:Array(String)})
