#include "shim/elf.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct elf_ask {
	const char *library;
	const char *name;
	void *found;
	char *path; /* where the library's own goes; NULL: nobody asks, and this library counts too */
	size_t path_bytes;
} elf_ask;

typedef struct elf_table {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash; /* DT_GNU_HASH */
} elf_table;

/* glibc relocates these pointers in memory, except on a few architectures; below the base they are still offsets. */
static const void *elf_at(const struct dl_phdr_info *info, ElfW(Addr) address)
{
	return (const void *)(address < info->dlpi_addr ? info->dlpi_addr + address : address);
}

static bool elf_read(const struct dl_phdr_info *info, elf_table *ret_table)
{
	elf_table table = {0};
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		const ElfW(Dyn) *entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		for (; entry->d_tag != DT_NULL; entry++) {
			if (entry->d_tag == DT_SYMTAB)
				table.symbols = elf_at(info, entry->d_un.d_ptr);
			else if (entry->d_tag == DT_STRTAB)
				table.strings = elf_at(info, entry->d_un.d_ptr);
			else if (entry->d_tag == DT_GNU_HASH)
				table.hash = elf_at(info, entry->d_un.d_ptr);
		}
	}
	*ret_table = table;
	return table.symbols && table.strings && table.hash;
}

static uint32_t elf_hash(const char *name)
{
	uint32_t hash = 5381;
	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* The layout of DT_GNU_HASH: buckets, first symbol, Bloom words and shift; the words; the buckets; a hash per symbol.
 */
static const ElfW(Sym) * elf_lookup(const elf_table *table, const char *name)
{
	uint32_t buckets = table->hash[0];
	uint32_t first = table->hash[1];
	const uint32_t *bucket = table->hash + 4 + table->hash[2] * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;
	uint32_t hash = elf_hash(name);
	uint32_t at = buckets ? bucket[hash % buckets] : 0;
	if (at < first)
		return NULL;
	for (;; at++) {
		const ElfW(Sym) *symbol = &table->symbols[at];
		uint32_t link = chain[at - first];
		if ((link | 1) == (hash | 1) && symbol->st_shndx != SHN_UNDEF &&
			strcmp(table->strings + symbol->st_name, name) == 0)
			return symbol;
		if (link & 1)
			return NULL;
	}
}

static bool elf_has(const struct dl_phdr_info *info, uintptr_t at)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
			at - (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) < info->dlpi_phdr[i].p_memsz)
			return true;
	return false;
}

static bool elf_is_own(const struct dl_phdr_info *info)
{
	return elf_has(info, (uintptr_t)&elf_is_own);
}

static int elf_visit(struct dl_phdr_info *info, size_t size, void *context)
{
	elf_ask *ask = context;
	(void)size;
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *file = slash ? slash + 1 : info->dlpi_name;
	elf_table table;
	if (strncmp(file, ask->library, strlen(ask->library)) != 0 || !elf_read(info, &table))
		return 0;
	const ElfW(Sym) *symbol = elf_lookup(&table, ask->name);
	if (!symbol || (ask->path && elf_is_own(info)))
		return 0;
	ask->found = (void *)(info->dlpi_addr + symbol->st_value);
	if (ask->path)
		snprintf(ask->path, ask->path_bytes, "%s", info->dlpi_name);
	return 1;
}

void *elf_find(const char *library, const char *name)
{
	elf_ask ask = {.library = library, .name = name};
	dl_iterate_phdr(elf_visit, &ask);
	return ask.found;
}

bool elf_owner(const char *library, const char *name, char *ret_path, size_t size)
{
	elf_ask ask = {.library = library, .name = name, .path = ret_path, .path_bytes = size};
	dl_iterate_phdr(elf_visit, &ask);
	return ask.found && ret_path[0];
}

typedef struct elf_place {
	uintptr_t at;
	elf_span span;
} elf_place;

static int elf_visit_place(struct dl_phdr_info *info, size_t size, void *context)
{
	elf_place *place = context;
	uintptr_t from = UINTPTR_MAX, end = 0;
	(void)size;
	if (!info->dlpi_name[0] || !elf_has(info, place->at))
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
			continue;
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;
		from = begin < from ? begin : from;
		end = begin + part->p_memsz > end ? begin + part->p_memsz : end;
	}
	place->span = (elf_span){from, end > from ? end - from : 0};
	return 1;
}

bool elf_around(const void *at, elf_span *ret)
{
	elf_place place = {.at = (uintptr_t)at};
	dl_iterate_phdr(elf_visit_place, &place);
	*ret = place.span;
	return place.span.bytes > 0;
}
