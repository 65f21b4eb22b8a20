/*-------------------------------------------------------------------------
 *
 * model_sections.h
 *	  Where the sections of a model begin, for those who write, check and merge.
 *
 * Places follow from the counts of the headers, see model.h.  Nothing here
 * checks a count: that is for model_check.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_MODEL_SECTIONS_H
#define PROMO_FOREST_MODEL_SECTIONS_H

#include "forest/model.h"

#define FILLED(size) (((uint64_t) (size) + 7) & ~UINT64_C(7))

static inline bool
model_fail(ForestProblem *problem, ForestStatus status, const char *detail)
{
	problem->status = status;
	problem->detail = detail;
	return false;
}

static inline void
model_no_problem(ForestProblem *problem)
{
	memset(problem, 0, sizeof(*problem));
	problem->feature = -1;
	problem->class = -1;
}

static inline const ModelHeader *
model_header(const Forest *forest)
{
	return (const ModelHeader *) forest->bytes;
}

static inline const ModelFeature *
model_features(const Forest *forest)
{
	return (const ModelFeature *) (forest->bytes + sizeof(ModelHeader));
}

static inline const uint32_t *
model_name_ends(const Forest *forest)
{
	return (const uint32_t *) ((const char *) model_features(forest) +
							   FILLED(sizeof(ModelFeature) * (uint64_t) forest->n_features));
}

static inline const char *
model_names(const Forest *forest)
{
	return (const char *) model_name_ends(forest) +
		FILLED(sizeof(uint32_t) * ((uint64_t) forest->n_features + forest->n_classes));
}

static inline const char *
model_groves(const Forest *forest)
{
	return model_names(forest) + model_header(forest)->names_size;
}

/* The part of a grove in front of its shares */
static inline uint64_t
grove_head(const GroveHeader *header, uint32_t n_features)
{
	return sizeof(GroveHeader) +
		2 * sizeof(GroveNumber) * (uint64_t) n_features +
		FILLED(sizeof(uint32_t) * (uint64_t) header->n_classes) +
		sizeof(GroveNumber) * ((uint64_t) header->n_bases + header->n_coefficients) +
		sizeof(GroveTree) * (uint64_t) header->n_trees;
}

/* The part of a grove in front of its bins; n_slots is known to be sane. */
static inline uint64_t
grove_front(const GroveHeader *header, uint32_t n_features)
{
	return grove_head(header, n_features) +
		FILLED(sizeof(float) * (uint64_t) header->n_shares * header->n_classes) +
		sizeof(ForestNode) * number_u64(header->n_slots) +
		FILLED(sizeof(uint32_t) * ((uint64_t) n_features + 1));
}

static inline Grove
grove_at(const char *at, uint32_t n_features)
{
	Grove		grove;

	grove.header = (const GroveHeader *) at;
	grove.n_trees = grove.header->n_trees;
	grove.n_classes = grove.header->n_classes;
	at += sizeof(GroveHeader);
	grove.gains = (const GroveNumber *) at;
	at += sizeof(GroveNumber) * (uint64_t) n_features;
	grove.rises = (const GroveNumber *) at;
	at += sizeof(GroveNumber) * (uint64_t) n_features;
	grove.classes = (const uint32_t *) at;
	at += FILLED(sizeof(uint32_t) * (uint64_t) grove.n_classes);
	grove.bases = (const GroveNumber *) at;
	grove.coefficients = grove.bases + grove.header->n_bases;
	at += sizeof(GroveNumber) * ((uint64_t) grove.header->n_bases + grove.header->n_coefficients);
	grove.trees = (const GroveTree *) at;
	at += sizeof(GroveTree) * (uint64_t) grove.n_trees;
	grove.shares = (const float *) at;
	at += FILLED(sizeof(float) * (uint64_t) grove.header->n_shares * grove.n_classes);
	grove.nodes = (const ForestNode *) at;
	at += sizeof(ForestNode) * number_u64(grove.header->n_slots);
	grove.bin_begins = (const uint32_t *) at;
	at += FILLED(sizeof(uint32_t) * ((uint64_t) n_features + 1));
	grove.bins = at;
	return grove;
}

/* Margins of a model of a link */
static inline uint32_t
model_bases(ForestLink link, uint32_t n_classes)
{
	if (link == FOREST_MEAN)
		return 0;
	return link == FOREST_SOFTMAX ? n_classes : 1;
}

/* A view of bytes that begin with a header of ours. */
static inline void
view_model(Forest *forest, const char *bytes, size_t size)
{
	const ModelHeader *header = (const ModelHeader *) bytes;

	forest->bytes = bytes;
	forest->size = size;
	forest->algorithm = (ForestAlgorithm) header->algorithm;
	forest->link = (ForestLink) header->link;
	forest->n_features = header->n_features;
	forest->n_classes = header->n_classes;
	forest->n_groves = header->n_groves;
	forest->n_trees = header->n_trees;
	forest->target_source = header->target_source;
	forest->positive = (int32_t) header->positive - 1;
	forest->has_sets = header->has_sets;
}

#endif							/* PROMO_FOREST_MODEL_SECTIONS_H */
