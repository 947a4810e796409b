import type { PackageHead } from '../lib/packages/package.ts';
import type { PeriodId } from '../lib/periods/periods.ts';
import { PackageReader } from '../lib/store/package-reader.ts';
import type { Tables } from '../lib/store/tables.ts';

/** All packages of a period, whatever their state. */
export async function packagesOf(tables: Tables, periodId: PeriodId): Promise<PackageHead[]> {
  const heads: PackageHead[] = [];
  for await (const head of new PackageReader(tables).heads(periodId)) heads.push(head);
  return heads;
}
