/* The list of quantization methods, made from methods.def: one line there is all that a method
 * needs besides its folder.
 */
#include "kernels/linear/linear.h"

#include <stddef.h>

#define X(folder) extern const qgk_method qgk_method_##folder;
#include "kernels/linear/methods.def"
#undef X

static const qgk_method *const methods[] = {
#define X(folder) &qgk_method_##folder,
#include "kernels/linear/methods.def"
#undef X
    NULL,
};

const qgk_method *const *qgk_methods(void)
{
    return methods;
}

const qgk_method *qgk_method_find(const char *name)
{
    for (size_t i = 0; methods[i]; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}
