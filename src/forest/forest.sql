/* src/forest/forest.sql */
