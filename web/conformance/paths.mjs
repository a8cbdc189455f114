import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This folder. */
export const HERE = dirname(fileURLToPath(import.meta.url));
/** The folder of the repository. */
export const ROOT = join(HERE, '../..');
