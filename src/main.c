/* The program `quantgate`: hands its words to cli/. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return qg_cli_main(argc, argv);
}
