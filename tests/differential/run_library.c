/* Runs the library `program` (argument 1) on a file of all inputs' bytes (2), and writes all outputs' bytes (3). */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const char* name;
  int32_t dtype, rank;
  const int64_t* shape;
  size_t bytes;
} tensor;

enum { MOST = 64 };

static void* find(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (!symbol) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  return symbol;
}

int main(int argc, char** argv) {
  void* library = argc == 4 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  int (*create)(const void*, void**) = (int (*)(const void*, void**))find(library, "program_create");
  int (*run)(void*, void**, size_t*, void**, size_t*) =
      (int (*)(void*, void**, size_t*, void**, size_t*))find(library, "program_run");
  const char* (*error)(void) = (const char* (*)(void))find(library, "program_error");
  const tensor* (*input)(void*, size_t) = (const tensor* (*)(void*, size_t))find(library, "program_input");
  const tensor* (*output)(void*, size_t) = (const tensor* (*)(void*, size_t))find(library, "program_output");

  void *context = NULL, *in[MOST], *out[MOST];
  size_t in_bytes[MOST], out_bytes[MOST], ins = 0, outs = 0;
  if (create(NULL, &context) != 0) {
    fprintf(stderr, "%s\n", error());
    return 1;
  }
  FILE* file = fopen(argv[2], "rb");
  for (const tensor* t; ins < MOST && (t = input(context, ins)) != NULL; ++ins) {
    in_bytes[ins] = t->bytes;
    in[ins] = malloc(t->bytes + 1);
    if (fread(in[ins], 1, t->bytes, file) != t->bytes)
      return 1;
  }
  for (const tensor* t; outs < MOST && (t = output(context, outs)) != NULL; ++outs) {
    out_bytes[outs] = t->bytes;
    out[outs] = malloc(t->bytes + 1);
  }
  if (run(context, in, in_bytes, out, out_bytes) != 0) {
    fprintf(stderr, "%s\n", error());
    return 1;
  }
  file = fopen(argv[3], "wb");
  for (size_t i = 0; i < outs; ++i)
    fwrite(out[i], 1, out_bytes[i], file);
  return fclose(file);
}
