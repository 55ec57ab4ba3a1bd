/* Runs the model `small` on a file of its inputs' bytes and writes a file of its outputs' bytes. */
#include "small.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  small_context* context = NULL;
  if (argc != 3 || small_create(NULL, &context) != SINTER_OK) {
    fprintf(stderr, "%s\n", small_error());
    return 1;
  }
  const sinter_tensor *in = small_input(context, 0), *out = small_output(context, 0);
  void *x = malloc(in->bytes), *y = malloc(out->bytes);
  FILE* file = fopen(argv[1], "rb");
  if (!file || fread(x, 1, in->bytes, file) != in->bytes)
    return 1;
  fclose(file);
  const void* inputs[] = {x};
  void* outputs[] = {y};
  if (small_run(context, inputs, &in->bytes, outputs, &out->bytes) != SINTER_OK) {
    fprintf(stderr, "%s\n", small_error());
    return 1;
  }
  file = fopen(argv[2], "wb");
  if (!file || fwrite(y, 1, out->bytes, file) != out->bytes || fclose(file) != 0)
    return 1;
  free(x);
  free(y);
  small_destroy(context);
  return 0;
}
