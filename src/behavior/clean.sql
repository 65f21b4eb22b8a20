/* src/behavior/clean.sql */
